// Run calls of npm clients, as python_runner.py does for Python. Run as text with `node --input-type=module --eval`
// in the folder of the packages, because Node.js looks for packages beside a file.
import { text } from "node:stream/consumers";

console.log = console.info = console.error; // clients print, too
const AsyncFunction = (async () => {}).constructor;
const load = (name) => import(name);

async function outcome({ imports, line, call, rows, names }) {
  const run = (body, values) => new AsyncFunction(...Object.keys(values), body)(...Object.values(values));
  let answer;
  try {
    answer = await run(`${imports}; const made = ${line}; return ${call}`, { load, ...names });
  } catch (error) {
    return { error: error.name === "Error" ? error.constructor.name : error.name, message: String(error.message) };
  }
  const missing = !Array.isArray(answer) && (answer.results ?? answer.ranking) == null;
  return { rows: missing ? null : await run(`return ${rows}`, { answer }) };
}

const jobs = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await Promise.all(jobs.map(outcome))));
