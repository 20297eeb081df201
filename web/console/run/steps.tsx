import type { ClientRun } from 'durably'
import type { RunFacts } from 'durably/react'
import type { ReactNode } from 'react'
import { formatDuration } from '../format'
import { Part } from './part'

/** More than a person reads: the newest are shown. */
const MOST = 200

interface StepsProps {
  facts: RunFacts
  run: ClientRun
  now: number
}

export function Steps({ facts: { steps, runningSteps }, run, now }: StepsProps): ReactNode {
  const count = steps.length + runningSteps.length
  return (
    <Part name="Steps" count={count} shown={MOST} empty={wordsWithoutSteps(run)}>
      {steps.slice(-MOST).map(({ id, name, status, startedAt, completedAt, error }) => (
        <li key={id} data-status={status}>
          <span className="name">{name}</span>
          <span className="quiet number">
            {status !== 'completed' && `${status}, `}
            {formatDuration(Date.parse(completedAt) - Date.parse(startedAt))}
          </span>
          {error !== null && <p className="wide">{error}</p>}
        </li>
      ))}
      {runningSteps.map(({ name, startedAt }) => (
        <li key={`running ${name}`} data-status="running">
          <span className="name">{name}</span>
          <span className="quiet number">running, {formatDuration(now - Date.parse(startedAt))}</span>
        </li>
      ))}
    </Part>
  )
}

function wordsWithoutSteps(run: ClientRun): string {
  if (!run.isTerminal) return 'None has begun yet.'
  if (run.completedStepCount === 0) return 'None was finished.'
  return `${run.completedStepCount} were finished. This engine does not keep them.`
}
