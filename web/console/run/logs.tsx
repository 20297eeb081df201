import type { LogEntry } from 'durably'
import type { ReactNode } from 'react'
import { formatTime } from '../format'
import { Part } from './part'

/** More than a person reads: the newest are shown. */
const MOST = 200

export function Logs({ logs, now }: { logs: readonly LogEntry[]; now: number }): ReactNode {
  return (
    <Part name="Logs" count={logs.length} shown={MOST} empty="None.">
      {logs.slice(-MOST).map(({ id, level, message, data, stepName, createdAt }) => (
        <li key={id} data-level={level}>
          <span>
            {level !== 'info' && <strong>{level} </strong>}
            {message} {data !== null && <code>{JSON.stringify(data)}</code>}
          </span>
          <span className="quiet number" title={stepName ?? undefined}>
            {formatTime(createdAt, now)}
          </span>
        </li>
      ))}
    </Part>
  )
}
