import type { ClientRun, Step } from 'durably'
import { Fragment, type ReactNode } from 'react'
import { Link } from 'wouter'
import { runAddress } from '../addresses'
import { durationOf, formatDateTime, formatNumber, shortId } from '../format'
import { Build } from '../parts/build'
import { Icon } from '../parts/icons'
import { LabelChips } from '../parts/label-chips'
import { useCopied } from '../parts/use-copied'
import { useNow } from '../parts/use-now'
import { WORDS } from '../words'
import { useRetriggers } from './use-retriggers'

const SAID = WORDS.facts
const MOST_RETRIGGERS = 5

export function RunFacts({ run, steps }: { run: ClientRun; steps: readonly Step[] }): ReactNode {
  const now = useNow(run.status === 'leased' ? 1000 : null)
  const duration = durationOf(run, now)
  const retriggers = useRetriggers(run)
  const builds = [...new Set(steps.flatMap(({ build }) => (build === null ? [] : [build])))]
  return (
    <dl className="facts">
      <Fact name={SAID.created}>{formatDateTime(run.createdAt)}</Fact>
      {run.startedAt !== null && <Fact name={SAID.started}>{formatDateTime(run.startedAt)}</Fact>}
      {run.completedAt !== null && <Fact name={SAID.ended}>{formatDateTime(run.completedAt)}</Fact>}
      {duration !== null && <Fact name={SAID.duration}>{duration}</Fact>}
      {/* Of a run that never began they would be noughts. */}
      {run.attempt > 0 && <Fact name={SAID.attempt}>{formatNumber(run.attempt)}</Fact>}
      {run.attempt > 0 && <Fact name={SAID.steps}>{formatNumber(run.completedStepCount)}</Fact>}
      {builds.length > 0 && (
        <Fact name={SAID.builds(builds.length)}>
          {builds.map((build, index) => (
            <Fragment key={build}>
              {index > 0 && ', '}
              <Build build={build} />
            </Fragment>
          ))}
        </Fact>
      )}
      {run.retriggeredFrom !== null && (
        <Fact name={SAID.repeats}>
          <Link href={runAddress(run.retriggeredFrom)}>{shortId(run.retriggeredFrom)}</Link>
        </Fact>
      )}
      {retriggers.length > 0 && (
        <Fact name={SAID.repeatedBy}>
          {retriggers.slice(0, MOST_RETRIGGERS).map(({ id }, index) => (
            <Fragment key={id}>
              {index > 0 && ', '}
              <Link href={runAddress(id)}>{shortId(id)}</Link>
            </Fragment>
          ))}
          {retriggers.length > MOST_RETRIGGERS && SAID.andMore}
        </Fact>
      )}
      {Object.keys(run.labels).length > 0 && (
        <Fact name={SAID.labels}>
          <LabelChips labels={run.labels} />
        </Fact>
      )}
      <Fact name={SAID.id}>
        <CopiedId id={run.id} />
      </Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function CopiedId({ id }: { id: string }): ReactNode {
  const [isCopied, copy] = useCopied(() => id)
  return (
    <button type="button" className="copied-id" title={SAID.copyId} onClick={copy}>
      <code>{id}</code>
      <Icon name={isCopied ? 'check' : 'copy'} />
      <span className="visually-hidden">{isCopied ? SAID.copied : SAID.copyId}</span>
    </button>
  )
}
