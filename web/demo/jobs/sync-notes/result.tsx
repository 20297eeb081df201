import { useMemo, type ReactNode } from 'react'
import type { ClientRun } from 'durably'
import { plural } from '../../../dashboard/format'
import type { Outcome } from './notes'
import { toOutcomes } from './outcomes'
import './sync-notes.css'

export function Result({ run }: { run: ClientRun }): ReactNode {
  const outcomes = useMemo(() => toOutcomes(run.output ?? undefined), [run.output])
  if (outcomes === null) return null
  const refused = outcomes.filter(({ kind }) => kind === 'refused').length
  return (
    <section className="part result" aria-labelledby="result-title">
      <h3 className="result-headline" id="result-title">
        <span className="number">{plural(outcomes.length - refused, 'change')}</span> on the server,{' '}
        <span className="number">{refused}</span> refused
      </h3>
      <div className="table-frame" tabIndex={0} role="region" aria-label="What the server said">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Note</th>
              <th scope="col">Version</th>
              <th scope="col">What the server said</th>
            </tr>
          </thead>
          <tbody>
            {outcomes.map((outcome) => (
              <tr key={outcome.id}>
                <th scope="row">{outcome.words}</th>
                <td className="number">{outcome.version}</td>
                <td>{answerOf(outcome)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function answerOf(outcome: Outcome): string {
  if (outcome.kind === 'refused') return `Refused: ${outcome.reason}`
  if (outcome.deleted) return 'Deleted'
  return outcome.revision === null ? 'Stored' : `Stored as revision ${outcome.revision}`
}
