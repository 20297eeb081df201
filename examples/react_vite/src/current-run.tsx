import type { LogEntry, Progress, RunStatus } from 'durably'
import { useEffect, useRef } from 'react'
import { ActionButton } from './action-button'
import { StatusBadge } from './status-badge'

interface CurrentRunProps {
  status: RunStatus
  progress: Progress | null
  logs: readonly LogEntry[]
  error: string | null
  cancel: () => Promise<void>
}

export function CurrentRun({ status, progress, logs, error, cancel }: CurrentRunProps) {
  const isActive = status === 'pending' || status === 'leased'
  return (
    <section className="card" aria-label="Current run">
      <div className="row">
        <h2>Run</h2>
        <StatusBadge status={status} />
        {isActive && <ActionButton action={cancel}>Cancel</ActionButton>}
      </div>
      {progress !== null && (
        <label className="progress">
          <progress value={progress.current} max={progress.total} />
          <span>{progress.message}</span>
        </label>
      )}
      {error !== null && <p role="alert">{error}</p>}
      <Logs logs={logs} />
    </section>
  )
}

function Logs({ logs }: { logs: readonly LogEntry[] }) {
  const list = useRef<HTMLOListElement>(null)
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight })
  }, [logs])
  if (logs.length === 0) return null
  return (
    <ol className="logs" aria-label="Logs" ref={list} tabIndex={0}>
      {logs.map(({ id, message }) => (
        <li key={id}>{message}</li>
      ))}
    </ol>
  )
}
