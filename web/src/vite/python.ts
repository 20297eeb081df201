import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PythonError } from './errors'

export interface Finished {
  code: number
  stdout: string
  stderr: string
}

/** The Python of the virtual environment that is active, or of the nearest one at or above `folder`, or the system's. */
export function findPython(folder: string): string {
  const active = process.env.VIRTUAL_ENV
  if (active !== undefined) return pythonIn(active)
  for (let above = folder; ; above = dirname(above)) {
    const python = pythonIn(join(above, '.venv'))
    if (existsSync(python)) return python
    if (above === dirname(above)) return process.platform === 'win32' ? 'python' : 'python3'
  }
}

function pythonIn(environment: string): string {
  return process.platform === 'win32'
    ? join(environment, 'Scripts', 'python.exe')
    : join(environment, 'bin', 'python')
}

/**
 * Runs a command of Durably's Python package. `onProgress` hears the lines that it writes meanwhile.
 * Throws when it can't be run; what it made of its work is for the caller to see.
 */
export async function runDurably(
  python: string,
  args: string[],
  onProgress: (line: string) => void = () => undefined,
): Promise<Finished> {
  const finished = await run(python, ['-m', 'spa_runtime', ...args], onProgress)
  if (finished.stderr.includes('No module named spa_runtime')) {
    throw new PythonError(
      `Durably is not installed in ${python}: run \`${python} -m pip install durably\`, or name the Python that has it: ` +
        "durably({ python: '…' }).",
    )
  }
  return finished
}

function run(python: string, args: string[], onProgress: (line: string) => void): Promise<Finished> {
  // The folder that Vite runs in is no place to import from: it may hold a types.py.
  const env = { ...process.env, PYTHONSAFEPATH: '1', PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' }
  return new Promise((resolve, reject) => {
    const child = execFile(python, args, { env, maxBuffer: Infinity }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr })
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr })
      else reject(notRun(python, error))
    })
    child.stderr?.on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.endsWith('…')) onProgress(line)
    })
  })
}

function notRun(python: string, error: Error & { code?: string | number | null }): Error {
  if (error.code !== 'ENOENT') return new PythonError(`Python could not be run. ${error.message}`)
  return new PythonError(
    `There is no Python at ${python}: install Python 3.11 or newer, make a virtual environment with ` +
      "`python3 -m venv .venv`, or say where Python is: durably({ python: '…' }).",
  )
}
