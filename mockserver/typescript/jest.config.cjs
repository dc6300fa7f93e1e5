module.exports = {
  globalSetup: "together-rerank-mock/jest-setup",
  testMatch: ["<rootDir>/test/*.jest.cjs"],
};
