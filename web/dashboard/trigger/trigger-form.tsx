import type { JobInfo } from 'durably'
import { Suspense, useState, type ReactNode } from 'react'
import { useJobExtras } from '../extras'
import { Boundary } from '../parts/boundary'
import { ShowFailure } from '../parts/show-failure'
import { Skeleton } from '../parts/skeleton'
import { WORDS } from '../words'
import { JsonForm } from './json-form'
import { LazyForm } from './lazy-form'
import { OptionFields } from './option-fields'
import { useTrigger } from './use-trigger'

const SAID = WORDS.trigger

type Kind = 'start' | 'form' | 'json'

/** In the job's own way, by a form made from its input model, or as JSON: one draft for the latter two. */
export function TriggerForm({ job }: { job: JobInfo }): ReactNode {
  const { Start, sample } = useJobExtras(job.name)
  const [kind, setKind] = useState<Kind>(Start === undefined ? 'form' : 'start')
  const trigger = useTrigger(job)
  const kinds: Kind[] = Start === undefined ? ['form', 'json'] : ['start', 'form', 'json']
  return (
    <section className="card trigger-card" aria-labelledby="trigger-title">
      <header className="trigger-header">
        <h3 className="card-title" id="trigger-title">
          {job.name}
        </h3>
        <div className="segments" role="group" aria-label={SAID.how}>
          {kinds.map((each) => (
            <button key={each} type="button" aria-pressed={each === kind} onClick={() => setKind(each)}>
              {SAID.kinds[each]}
            </button>
          ))}
        </div>
      </header>
      {job.description !== null && <p className="job-description">{job.description}</p>}
      {sample !== undefined && kind === 'form' && (
        <button
          type="button"
          className="button button-sample"
          aria-disabled={trigger.isBusy}
          onClick={() => void trigger.loadSample(sample)}
        >
          {sample.label}
        </button>
      )}
      <Boundary key={kind} fallback={<ShowFailure what="form" />}>
        <Suspense fallback={<Skeleton rows={3} />}>
          {kind === 'start' && Start !== undefined && <Start start={trigger.startWith} />}
          {kind === 'form' && <LazyForm job={job} trigger={trigger} options={options()} />}
          {kind === 'json' && <JsonForm job={job} trigger={trigger} options={options()} />}
        </Suspense>
      </Boundary>
      {(kind !== 'start' || trigger.isKept) && (
        <p className="outcome" data-kind={trigger.isKept ? 'none' : trigger.outcome.kind} role="status">
          {trigger.isKept ? SAID.kept : trigger.outcome.sentence}
        </p>
      )}
    </section>
  )

  function options(): ReactNode {
    return <OptionFields options={trigger.options} onChange={trigger.setOptions} />
  }
}
