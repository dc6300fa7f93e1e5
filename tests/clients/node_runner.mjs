// Run calls of npm clients, as python_runner.py does for Python. Run as text with `node --input-type=module --eval`
// in the folder of the packages, because Node.js looks for packages beside a file.
import { createInterface } from "node:readline";

console.log = console.info = console.error; // clients print, too
const AsyncFunction = (async () => {}).constructor;
const load = (name) => import(name);
const run = (body, values) => new AsyncFunction(...Object.keys(values), body)(...Object.values(values));
const clients = new Map();

async function outcome({ imports, made, answer, rows, names }) {
  const key = `${names.top_n} ${made}`;
  const values = { load, ...names };
  try {
    if (!clients.has(key)) clients.set(key, run(`${imports}; return [${made}]`, values));
    [values.made] = await clients.get(key); // a list, because a client can have a method `then`
    values.answer = await run(`${imports}; return ${answer}`, values);
    return { rows: await run(`return ${rows}`, values) };
  } catch (error) {
    return { error: error.name === "Error" ? error.constructor.name : error.name, message: String(error.message) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  outcome(job).then((found) => process.stdout.write(`${JSON.stringify({ id: job.id, ...found })}\n`));
}
