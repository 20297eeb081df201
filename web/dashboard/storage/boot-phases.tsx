import type { ReactNode } from 'react'
import { formatDuration } from '../format'
import type { BootTimes } from '../parts/boot-times'
import { WORDS } from '../words'

/** What the engine did on its way to the first job, some of it at the same time. */
export function BootPhases({ times: { phases, total } }: { times: BootTimes }): ReactNode {
  const percent = (ms: number): number => (100 * ms) / Math.max(1, total)
  return (
    <ol className="phases">
      {phases.map(({ phase, at, ms }) => (
        <li key={phase}>
          <span>{WORDS.boot.names[phase]}</span>
          <span className="step-axis" aria-hidden="true">
            <span
              className="step-bar"
              style={{
                insetInlineStart: `${Math.min(99, percent(at))}%`,
                inlineSize: `${percent(ms)}%`,
              }}
            />
          </span>
          <span className="number">{formatDuration(ms)}</span>
        </li>
      ))}
    </ol>
  )
}
