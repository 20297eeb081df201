import type { Json } from 'durably'

export interface RejectedRow {
  line: number
  reason: string
  row: string
}

export interface StateCount {
  state: string
  airports: number
}

export type Point = [longitude: number, latitude: number]

/** What the job `import-csv` returns. */
export interface ImportOutput {
  filename: string
  imported: number
  rejected_count: number
  /** The first ones. */
  rejected: RejectedRow[]
  /** The state with the most airports first. */
  states: StateCount[]
  points: Point[]
}

/** Null for the output of another job with the same name. */
export function toImportOutput(output: Json | undefined): ImportOutput | null {
  const isOurs =
    typeof output === 'object' &&
    output !== null &&
    !Array.isArray(output) &&
    typeof output.imported === 'number' &&
    typeof output.rejected_count === 'number' &&
    [output.rejected, output.states, output.points].every(Array.isArray)
  return isOurs ? (output as unknown as ImportOutput) : null
}
