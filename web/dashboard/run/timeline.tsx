import type { ClientRun } from 'durably'
import type { RunFacts } from 'durably/react'
import { useState, type CSSProperties, type ReactNode } from 'react'
import { formatDuration, formatNumber, shortBuild } from '../format'
import { useNow } from '../parts/use-now'
import { useStickToEnd } from '../parts/use-stick-to-end'
import { WORDS } from '../words'
import { layoutTimeline, marksOf, type Bar, type StepRow, type Timeline as Layout } from './timeline-layout'
import { useAttempts } from './use-attempts'

const SAID = WORDS.timeline
/** More than a person reads at once; the newest. */
const MOST_ROWS = 400

/** When the run waited, which attempt executed it, and each step, on one axis of time. */
export function Timeline({ state, run }: { state: RunFacts; run: ClientRun }): ReactNode {
  const now = useNow(run.isActive ? 250 : null)
  const attempts = useAttempts(run)
  const timeline = layoutTimeline(
    { run, attempts, steps: state.steps, runningSteps: state.runningSteps },
    now,
  )
  const { rows } = timeline
  const [isWhole, setIsWhole] = useState(false)
  const shown = isWhole ? rows : rows.slice(-MOST_ROWS)
  const list = useStickToEnd<HTMLOListElement>(rows.length, !run.isTerminal)
  return (
    <section className="part" aria-labelledby="steps-title">
      <h3 className="part-title" id="steps-title">
        {SAID.title} {rows.length > 0 && <span className="count">{rows.length}</span>}
      </h3>
      <RunLane timeline={timeline} />
      {rows.length === 0 && <p className="hint">{wordsWithoutSteps(run)}</p>}
      {shown.length < rows.length && (
        <button type="button" className="button button-quiet" onClick={() => setIsWhole(true)}>
          {SAID.earlier(rows.length - shown.length)}
        </button>
      )}
      {rows.length > 0 && (
        <ol className="steps" tabIndex={0} aria-labelledby="steps-title" {...list}>
          {shown.map((row) => (
            <StepItem key={row.key} row={row} />
          ))}
        </ol>
      )}
      <Legend timeline={timeline} />
    </section>
  )
}

/** For the eyes: what the marks mean is said in words where they are. */
function Legend({ timeline }: { timeline: Layout }): ReactNode {
  const marks = marksOf(timeline)
  if (marks.length === 0) return null
  return (
    <p className="marks" aria-hidden="true">
      {marks.map((mark) => (
        <span key={mark} data-mark={mark}>
          {SAID.legend[mark]}
        </span>
      ))}
    </p>
  )
}

function wordsWithoutSteps({ isTerminal, completedStepCount: count }: ClientRun): string {
  if (!isTerminal) return SAID.noneYet
  return count === 0 ? SAID.none : SAID.removed(WORDS.run.stepCount(count, formatNumber(count)))
}

/** The run as a whole: hatched where it waited. */
function RunLane({ timeline: { runBars, ticks, breaks, totalMs } }: { timeline: Layout }): ReactNode {
  return (
    <div className="run-lane step">
      <span className="step-name">{SAID.run}</span>
      <ol className="step-axis" aria-label={SAID.lane}>
        {ticks.map(({ ms, offset }) => (
          <li key={ms} className="tick" style={{ insetInlineStart: `${offset}%` }} aria-hidden="true">
            <span>{ms === 0 ? 0 : formatDuration(ms)}</span>
          </li>
        ))}
        {runBars.map((bar, index) => (
          <li
            key={index}
            className="run-bar"
            data-kind={bar.kind}
            style={placed(bar)}
            title={SAID[bar.kind](bar.number, formatDuration(bar.durationMs))}
          >
            {bar.kind === 'attempt' && (
              <span className="run-bar-words" aria-hidden="true">
                {SAID.attemptOnly(bar.number)}
              </span>
            )}
            <span className="visually-hidden">
              {SAID[bar.kind](bar.number, formatDuration(bar.durationMs))}
            </span>
          </li>
        ))}
        {breaks.map(({ offset, pauseMs }) => (
          <li
            key={offset}
            className="axis-break"
            style={{ insetInlineStart: `${offset}%` }}
            title={SAID.cut(formatDuration(pauseMs))}
            aria-hidden="true"
          />
        ))}
      </ol>
      <span className="step-time number">{SAID.inAll(formatDuration(totalMs))}</span>
    </div>
  )
}

function StepItem({ row }: { row: StepRow }): ReactNode {
  const build = row.build === null ? '' : SAID.build(shortBuild(row.build))
  const words = row.isReplayed ? SAID.replayed : SAID.status[row.status]
  return (
    <>
      {row.pauseMs !== null && <li className="step-pause">{SAID.pause(formatDuration(row.pauseMs))}</li>}
      {row.newBuild !== null && <li className="step-pause">{SAID.newBuild(shortBuild(row.newBuild))}</li>}
      <li
        className="step"
        data-status={row.status}
        data-replayed={row.isReplayed}
        title={row.name + (row.build === null ? '' : SAID.build(row.build))}
      >
        <span className="step-name">{row.name}</span>
        {build !== '' && <span className="visually-hidden">{build}</span>}
        <span className="step-axis" aria-hidden="true">
          <span className="step-bar" style={placed(row)} />
        </span>
        <span className="step-time number" title={row.isReplayed ? SAID.replayedHint : undefined}>
          {words !== '' && <em>{words} </em>}
          {formatDuration(row.durationMs)}
        </span>
        {row.error !== null && <span className="step-error">{row.error}</span>}
      </li>
    </>
  )
}

function placed({ offset, width }: Bar): CSSProperties {
  return { insetInlineStart: `${Math.min(offset, 99.5)}%`, inlineSize: `${width}%` }
}
