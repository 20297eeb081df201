import { BOOT_PHASES, type EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { formatDuration } from '../format'
import { WORDS } from '../words'

/** What the engine did on its way to the first job, one after the other. */
export function BootPhases({ timings }: Pick<EngineStatus, 'timings'>): ReactNode {
  const total = Math.max(
    1,
    Object.values(timings).reduce((sum, ms) => sum + ms, 0),
  )
  const phases = BOOT_PHASES.flatMap((phase) => {
    const ms = timings[phase]
    return ms === undefined ? [] : [{ phase, ms }]
  })
  return (
    <ol className="phases">
      {phases.map(({ phase, ms }, index) => {
        const before = phases.slice(0, index).reduce((sum, each) => sum + each.ms, 0)
        return (
          <li key={phase}>
            <span>{WORDS.boot.names[phase]}</span>
            <span className="step-axis" aria-hidden="true">
              <span
                className="step-bar"
                style={{
                  insetInlineStart: `${Math.min(99, (100 * before) / total)}%`,
                  inlineSize: `${(100 * ms) / total}%`,
                }}
              />
            </span>
            <span className="number">{formatDuration(ms)}</span>
          </li>
        )
      })}
    </ol>
  )
}
