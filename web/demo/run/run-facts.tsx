import type { ReactNode } from 'react'
import type { ClientRun } from '../../src'
import { formatDateTime, formatDuration, formatNumber } from '../../dashboard/format'
import { useNow } from '../../dashboard/use-now'

export function RunFacts({ run }: { run: ClientRun }): ReactNode {
  const now = useNow(run.status === 'leased' ? 1000 : null)
  const facts: [string, string][] = [['Created', formatDateTime(run.createdAt)]]
  if (run.startedAt !== null) facts.push(['Started', formatDateTime(run.startedAt)])
  if (run.completedAt !== null) facts.push(['Ended', formatDateTime(run.completedAt)])
  if (run.startedAt !== null) {
    const end = run.completedAt === null ? now : Date.parse(run.completedAt)
    facts.push(['Duration', formatDuration(Math.max(0, end - Date.parse(run.startedAt)))])
  }
  facts.push(['Attempt', formatNumber(run.attempt)], ['Steps done', formatNumber(run.completedStepCount)])
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
