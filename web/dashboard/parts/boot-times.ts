import type { BootPhase, EngineStatus } from 'durably'

/** How long a phase of the start took, and how long after the beginning of all it began. */
export interface BootTime {
  phase: BootPhase
  at: number
  ms: number
}

export interface BootTimes {
  phases: BootTime[]
  /** From the beginning of the first to the end of the last: some go on at the same time. */
  total: number
  overlap: boolean
}

export function bootTimesOf({ timings, began }: Pick<EngineStatus, 'timings' | 'began'>): BootTimes {
  const phases = (Object.entries(timings) as [BootPhase, number][])
    .map(([phase, ms]) => ({ phase, at: began[phase] ?? 0, ms }))
    .sort((one, other) => one.at - other.at)
  const total = Math.max(0, ...phases.map(({ at, ms }) => at + ms))
  const sum = phases.reduce((all, { ms }) => all + ms, 0)
  // Not for what clocks and roundings make of it.
  return { phases, total, overlap: sum > total + 1 }
}
