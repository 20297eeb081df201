import { useRef, type ReactNode } from 'react'
import type { ClientRun } from '../../src'
import { useDurably } from '../../src/react'
import { shortId } from '../../dashboard/format'
import { useAction } from '../lib/use-action'
import { selectRun, useSelectedRun } from '../lib/use-selected-run'
import { Icon, type IconName } from '../shell/icons'
import { ConfirmDialog } from '../shell/confirm-dialog'

interface RunActionsProps {
  run: ClientRun
  /** Icons alone, as a row of the list has room for. */
  compact?: boolean
}

export function RunActions({ run, compact = false }: RunActionsProps): ReactNode {
  const { durably } = useDurably()
  const selectedId = useSelectedRun()
  const { isBusy, error, perform } = useAction()
  const confirmation = useRef<HTMLDialogElement>(null)
  const button = (icon: IconName, words: string, onClick: () => void): ReactNode => (
    <button
      type="button"
      className={compact ? 'icon-button' : 'button'}
      // Not `disabled`: that would take the keyboard's focus away.
      aria-disabled={isBusy}
      aria-label={`${words} run ${shortId(run.id)}`}
      title={compact ? words : undefined}
      onClick={onClick}
    >
      <Icon name={icon} />
      {!compact && words}
    </button>
  )
  const retrigger = async (): Promise<void> => {
    const { runId } = await durably.retrigger(run.id)
    selectRun(runId)
  }
  const remove = async (): Promise<void> => {
    await durably.deleteRun(run.id)
    if (selectedId === run.id) selectRun(null)
  }
  return (
    <div className="actions">
      {!run.isTerminal && button('cancel', 'Cancel', () => perform(() => durably.cancel(run.id)))}
      {run.isTerminal && button('again', 'Run again', () => perform(retrigger))}
      {run.isTerminal && button('delete', 'Delete', () => confirmation.current?.showModal())}
      <ConfirmDialog
        ref={confirmation}
        title={`Delete run ${shortId(run.id)}?`}
        text="Its result, steps and logs are removed from this browser. This cannot be undone."
        confirm="Delete"
        onConfirm={() => perform(remove)}
      />
      {error !== null && (
        <p className="action-error" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
