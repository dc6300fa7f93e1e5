// Run a command until stdin ends, so that it ends with the process that started this one, however that ends.
import { spawn } from "node:child_process";

const [program = "", ...rest] = process.argv.slice(2);
const child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit"] });
const end = () => child.kill("SIGTERM");
child.on("error", (error) => {
  console.error(error.message);
  process.exit(127);
});
child.on("exit", (status, signal) => {
  if (signal) console.error(`${program} ended with ${signal}`);
  process.exit(status ?? 1);
});
process.stdin.resume().on("end", end).on("error", end);
process.on("SIGTERM", end);
// A terminal sends it to all processes of a group, and this one waits for the command.
process.on("SIGINT", () => {});
