import type { ClientRun } from 'durably'
import { useRunActions } from 'durably/react'
import { useRef, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import { runAddress, runsAddress, type RunFilters } from '../addresses'
import { shortId } from '../format'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { Icon, type IconName } from '../parts/icons'
import { useAction } from '../parts/use-action'
import { WORDS } from '../words'

const SAID = WORDS.run

interface RunActionsProps {
  run: ClientRun
  filters: RunFilters
  /** Icons alone, as a row of the list has room for. */
  compact?: boolean
}

export function RunActions({ run, filters, compact = false }: RunActionsProps): ReactNode {
  const actions = useRunActions()
  const [path, navigate] = useLocation()
  const { isBusy, error, perform } = useAction()
  const confirmation = useRef<HTMLDialogElement>(null)
  const button = (icon: IconName, words: string, onClick: () => void): ReactNode => (
    <button
      type="button"
      className={compact ? 'icon-button' : 'button'}
      // Not `disabled`: that would take the keyboard's focus away.
      aria-disabled={isBusy}
      aria-label={SAID.doToRun(words, shortId(run.id))}
      title={compact ? words : undefined}
      onClick={onClick}
    >
      <Icon name={icon} />
      {!compact && words}
    </button>
  )
  const retrigger = async (): Promise<void> => navigate(runAddress(await actions.retrigger(run.id), filters))
  const remove = async (): Promise<void> => {
    await actions.deleteRun(run.id)
    if (path === runAddress(run.id)) navigate(runsAddress(filters), { replace: true })
  }
  return (
    <div className="actions">
      {!run.isTerminal && button('cancel', SAID.cancel, () => perform(() => actions.cancel(run.id)))}
      {run.isTerminal && button('again', SAID.again, () => perform(retrigger))}
      {run.isTerminal && button('delete', SAID.delete, () => confirmation.current?.showModal())}
      <ConfirmDialog
        dialog={confirmation}
        title={SAID.deleteTitle(shortId(run.id))}
        text={SAID.deleteText}
        confirm={SAID.delete}
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
