/** Where in the job project. Lines and columns begin at 1. */
export interface Place {
  file: string
  line: number
  column: number
}

/** A sentence about Python or the jobs. Where in this plugin it came up leads nowhere. */
export class PythonError extends Error {
  override readonly name: string = 'PythonError'

  constructor(message: string) {
    super(message)
    this.stack = ''
  }
}

/** An error in the Python of a job project, as Vite shows errors: with its place and the lines around it. */
export class JobsError extends PythonError {
  override readonly name = 'JobsError'
  readonly id: string
  readonly loc: Place
  readonly frame: string

  constructor(message: string, place: Place, source: string) {
    super(message)
    this.id = place.file
    this.loc = place
    this.frame = codeFrame(source, place)
  }
}

const LINES_AROUND = 2

/** In the form by which Vite's overlay knows a code frame. */
export function codeFrame(source: string, { line, column }: { line: number; column: number }): string {
  const lines = source.split(/\r?\n/)
  const first = Math.max(1, line - LINES_AROUND)
  return lines
    .slice(first - 1, line + LINES_AROUND)
    .flatMap((text, index) => {
      const shown = `${String(first + index).padEnd(4)}|  ${text}`
      return first + index === line ? [shown, `    |  ${' '.repeat(column - 1)}^`] : [shown]
    })
    .join('\n')
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
