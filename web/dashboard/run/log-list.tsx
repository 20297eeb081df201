import type { LogEntry } from 'durably'
import { useState, type ReactNode } from 'react'
import { useStickToEnd } from '../parts/use-stick-to-end'
import { LOCALE, WORDS } from '../words'
import { ALL_LOGS, filterLogs, LEVELS, type LogFilter } from './log-filter'

const SAID = WORDS.logs
/** More than a person reads at once; the newest. */
const MOST_LINES = 500
const TIME = new Intl.DateTimeFormat(LOCALE, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hour12: false,
})

/** Follows what is written, unless the reader has scrolled up. */
export function LogList({ logs, isGrowing }: { logs: readonly LogEntry[]; isGrowing: boolean }): ReactNode {
  const [filter, setFilter] = useState(ALL_LOGS)
  const [isWhole, setIsWhole] = useState(false)
  const found = filterLogs(logs, filter)
  const shown = isWhole ? found : found.slice(-MOST_LINES)
  const list = useStickToEnd<HTMLOListElement>(shown.at(-1)?.id, isGrowing)
  return (
    <section className="part" aria-labelledby="logs-title">
      <div className="part-header">
        <h3 className="part-title" id="logs-title">
          {SAID.title} {logs.length > 0 && <span className="count">{logs.length}</span>}
        </h3>
        {logs.length > 1 && <LogFilterBar filter={filter} onFilter={setFilter} />}
      </div>
      {logs.length === 0 && <p className="hint">{SAID.none}</p>}
      {logs.length > 0 && found.length === 0 && <p className="hint">{SAID.noMatch}</p>}
      {shown.length < found.length && (
        <button type="button" className="button button-quiet" onClick={() => setIsWhole(true)}>
          {SAID.earlier(found.length - shown.length)}
        </button>
      )}
      {shown.length > 0 && (
        <ol className="logs" tabIndex={0} aria-labelledby="logs-title" {...list}>
          {shown.map((log) => (
            <LogLine key={log.id} log={log} />
          ))}
        </ol>
      )}
    </section>
  )
}

function LogFilterBar({ filter, onFilter }: { filter: LogFilter; onFilter: (filter: LogFilter) => void }) {
  return (
    <div className="log-filter">
      <select
        className="input"
        aria-label={SAID.level}
        value={filter.level}
        onChange={({ target }) =>
          onFilter({ ...filter, level: LEVELS.find((level) => level === target.value) ?? 'info' })
        }
      >
        {LEVELS.map((level) => (
          <option key={level} value={level}>
            {SAID.levels[level]}
          </option>
        ))}
      </select>
      <input
        type="search"
        className="input"
        aria-label={SAID.search}
        placeholder={SAID.search}
        value={filter.text}
        onChange={({ target }) => onFilter({ ...filter, text: target.value })}
      />
    </div>
  )
}

function LogLine({ log }: { log: LogEntry }): ReactNode {
  return (
    <li className="log" data-level={log.level}>
      <time dateTime={log.createdAt}>{TIME.format(new Date(log.createdAt))}</time>
      <span className="log-level">{log.level}</span>
      <span className="log-message">
        {log.stepName !== null && <span className="log-step">{log.stepName} </span>}
        {log.message}
        {log.data !== null && <code> {JSON.stringify(log.data)}</code>}
      </span>
    </li>
  )
}
