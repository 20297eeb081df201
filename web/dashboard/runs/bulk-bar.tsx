import type { ClientRun, RunOutcome } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useRef, type ReactNode } from 'react'
import { formatNumber } from '../format'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { Icon } from '../parts/icons'
import { useAction } from '../parts/use-action'
import { WORDS } from '../words'

const SAID = WORDS.bulk

interface BulkBarProps {
  runs: readonly ClientRun[]
  selection: ReadonlySet<string>
  onSelect: (ids: ReadonlySet<string>) => void
}

/** What can be done with several runs at once. Those that are refused stay chosen. */
export function BulkBar({ runs, selection, onSelect }: BulkBarProps): ReactNode {
  const { durably } = useDurably()
  const { isBusy, error, said, perform } = useAction()
  const confirmation = useRef<HTMLDialogElement>(null)
  const isShown = useRef(true)
  useEffect(() => {
    isShown.current = true
    return () => {
      isShown.current = false
    }
  }, [])
  const chosen = runs.filter(({ id }) => selection.has(id))
  const active = chosen.filter(({ isActive }) => isActive).map(({ id }) => id)
  const ended = chosen.filter(({ isTerminal }) => isTerminal).map(({ id }) => id)
  const isAll = runs.length > 0 && chosen.length === runs.length
  const carryOut = (
    work: (ids: readonly string[]) => Promise<RunOutcome[]>,
    ids: readonly string[],
    tell: (count: number) => string,
  ): void =>
    perform(async () => {
      const outcomes = await work(ids)
      const refused = outcomes.flatMap((outcome) => (outcome.success ? [] : [outcome]))
      // In another list other runs may be chosen by now.
      if (isShown.current) onSelect(new Set(refused.map(({ runId }) => runId)))
      const done = tell(outcomes.length - refused.length)
      const [first] = refused
      if (first === undefined) return done
      throw new Error(`${done} ${SAID.refused(refused.length, first.error)}`)
    })
  const outcome = (
    <p className="bulk-outcome" data-kind={error === null ? 'done' : 'failed'} role="status">
      {error ?? said}
    </p>
  )
  // What came of the last action is told also where it has left no run in the list.
  if (runs.length === 0) return outcome
  return (
    <div className="bulk">
      <label className="bulk-all">
        <input
          type="checkbox"
          checked={isAll}
          ref={(box) => {
            if (box !== null) box.indeterminate = chosen.length > 0 && !isAll
          }}
          onChange={() => onSelect(new Set(isAll ? [] : runs.map(({ id }) => id)))}
        />
        {chosen.length === 0 ? SAID.selectAll(formatNumber(runs.length)) : SAID.selected(chosen.length)}
      </label>
      {chosen.length > 0 && (
        <div className="actions" role="group" aria-label={SAID.actions}>
          <BulkButton
            icon="cancel"
            words={SAID.cancel(active.length)}
            isDisabled={isBusy || active.length === 0}
            onClick={() => carryOut((ids) => durably.cancelRuns(ids), active, SAID.cancelled)}
          />
          <BulkButton
            icon="again"
            words={SAID.again(ended.length)}
            isDisabled={isBusy || ended.length === 0}
            onClick={() => carryOut((ids) => durably.retriggerRuns(ids), ended, SAID.triggered)}
          />
          <BulkButton
            icon="delete"
            words={SAID.delete(ended.length)}
            isDisabled={isBusy || ended.length === 0}
            onClick={() => confirmation.current?.showModal()}
          />
        </div>
      )}
      {outcome}
      <ConfirmDialog
        dialog={confirmation}
        title={SAID.deleteTitle(ended.length)}
        text={SAID.deleteText}
        confirm={SAID.delete(ended.length)}
        onConfirm={() => carryOut((ids) => durably.deleteRuns(ids), ended, SAID.deleted)}
      />
    </div>
  )
}

interface BulkButtonProps {
  icon: 'cancel' | 'again' | 'delete'
  words: string
  isDisabled: boolean
  onClick: () => void
}

function BulkButton({ icon, words, isDisabled, onClick }: BulkButtonProps): ReactNode {
  return (
    <button
      type="button"
      className="button"
      // Not `disabled`: that would take the keyboard's focus away.
      aria-disabled={isDisabled}
      onClick={() => !isDisabled && onClick()}
    >
      <Icon name={icon} />
      {words}
    </button>
  )
}
