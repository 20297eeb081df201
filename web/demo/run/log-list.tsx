import type { ReactNode } from 'react'
import type { LogEntry } from '../../src'
import { useStickToEnd } from '../lib/use-stick-to-end'

const TIME = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hour12: false,
})

export function LogList({ logs, isGrowing }: { logs: readonly LogEntry[]; isGrowing: boolean }): ReactNode {
  const list = useStickToEnd<HTMLOListElement>(logs.length, isGrowing)
  return (
    <section className="part" aria-labelledby="logs-title">
      <h3 className="part-title" id="logs-title">
        Logs {logs.length > 0 && <span className="count">{logs.length}</span>}
      </h3>
      {logs.length === 0 && <p className="hint">The job has written no log lines.</p>}
      {logs.length > 0 && (
        <ol className="logs" tabIndex={0} aria-labelledby="logs-title" {...list}>
          {logs.map((log) => (
            <li key={log.id} className="log" data-level={log.level}>
              <time dateTime={log.createdAt}>{TIME.format(new Date(log.createdAt))}</time>
              <span className="log-level">{log.level}</span>
              <span className="log-message">
                {log.stepName !== null && <span className="log-step">{log.stepName} </span>}
                {log.message}
                {log.data !== null && <code> {JSON.stringify(log.data)}</code>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
