import { useJobRun } from 'durably/react'
import { useEffect, useRef, type ReactNode } from 'react'
import { durationOf, formatTime, printJson } from '../format'
import { ProgressBar } from '../progress-bar'
import { useSelection } from '../selection'
import { StatusChip } from '../status-chip'
import { useNow } from '../use-now'
import { Logs } from './logs'
import { OrphanNote } from './orphan-note'
import { RunActions } from './run-actions'
import { RunError } from './run-error'
import { Steps } from './steps'

/** Everything about one run. */
export function RunPane({ runId }: { runId: string }): ReactNode {
  const facts = useJobRun({ runId })
  const now = useNow(facts.isActive)
  const { select } = useSelection()
  const title = useRef<HTMLHeadingElement>(null)
  // Whoever followed a link is brought to where it leads; whoever typed an input stays there.
  useEffect(() => {
    if (rootOf(title.current)?.activeElement?.matches('[data-run]') === true) title.current?.focus()
  }, [])
  const { run } = facts
  // The focus goes back to where the run was chosen.
  const close = (): void => {
    rootOf(title.current)
      ?.querySelector<HTMLElement>(`[data-run="${CSS.escape(runId)}"]`)
      ?.focus()
    select(null)
  }
  return (
    <section className="card run" aria-labelledby="run-title">
      <div className="title">
        <h2 id="run-title" ref={title} tabIndex={-1}>
          {run?.jobName ?? 'Run'}
        </h2>
        {facts.status !== null && <StatusChip status={facts.status} />}
        <button type="button" className="close" onClick={close}>
          Close
        </button>
      </div>
      <p className="quiet name">{runId}</p>
      {facts.isLoading && <p className="quiet">Loading …</p>}
      {facts.isNotFound && <p role="alert">There is no such run, or no longer.</p>}
      {run === null && facts.error !== null && <p role="alert">{facts.error}</p>}
      {run !== null && (
        <>
          <RunActions run={run} />
          {run.status === 'pending' && <OrphanNote jobName={run.jobName} />}
          {run.progress !== null && <ProgressBar run={run} />}
          {run.progress?.message !== undefined && <p className="quiet">{run.progress.message}</p>}
          <dl className="facts">
            <Fact name="Triggered">{formatTime(run.createdAt, now)}</Fact>
            <Fact name="Duration">{durationOf(run, now) ?? 'not begun'}</Fact>
            <Fact name="Attempt">{run.attempt}</Fact>
            {Object.entries(run.labels).map(([label, value]) => (
              <Fact key={label} name={label}>
                {value}
              </Fact>
            ))}
          </dl>
          <RunError run={run} />
          {run.status === 'completed' && <Value name="Output" value={run.output ?? null} isOpen />}
          <Value name="Input" value={run.input ?? null} />
          <Steps facts={facts} run={run} now={now} />
          <Logs logs={facts.logs} now={now} />
        </>
      )}
    </section>
  )
}

/** The document, or the shadow root of a page that is not ours: it knows its own focus. */
function rootOf(node: Node | null): Document | ShadowRoot | undefined {
  return node?.getRootNode() as Document | ShadowRoot | undefined
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

interface ValueProps {
  name: string
  value: unknown
  isOpen?: boolean
}

function Value({ name, value, isOpen = false }: ValueProps): ReactNode {
  return (
    <details open={isOpen}>
      <summary>{name}</summary>
      <pre tabIndex={0} aria-label={name}>
        {printJson(value)}
      </pre>
    </details>
  )
}
