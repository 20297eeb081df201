import type { ClientRun } from 'durably'
import { useRunActions } from 'durably/react'
import { useRef, type ReactNode } from 'react'
import { useLocation } from 'wouter'
import { runAddress, runsAddress, type RunFilters } from '../addresses'
import { useExtras } from '../extras'
import { shortId } from '../format'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { Icon, type IconName } from '../parts/icons'
import { useAction } from '../parts/use-action'
import { useLeadOn } from '../parts/use-lead-on'
import { useSettled } from '../parts/use-settled'
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
  const [, navigate] = useLocation()
  const { placeNow } = useExtras()
  const leadOn = useLeadOn()
  const { isBusy, error, perform } = useAction()
  const isSettled = useSettled(run.isTerminal)
  const isReady = !isBusy && isSettled
  const confirmation = useRef<HTMLDialogElement>(null)
  const button = (icon: IconName, words: string, onClick: () => void): ReactNode => (
    <button
      type="button"
      className={compact ? 'icon-button' : 'button'}
      data-action={icon}
      // Not `disabled`: that would take the keyboard's focus away.
      aria-disabled={!isReady}
      aria-label={SAID.doToRun(words, shortId(run.id))}
      title={compact || icon === 'delete' ? words : undefined}
      onClick={isReady ? onClick : undefined}
    >
      <Icon name={icon} />
      {!compact && <span>{words}</span>}
    </button>
  )
  const retrigger = async (): Promise<void> => {
    await leadOn(actions.retrigger(run.id), (id) => runAddress(id, filters))
  }
  const remove = async (): Promise<void> => {
    await actions.deleteRun(run.id)
    const place = placeNow.current
    if (place.view === 'runs' && place.runId === run.id)
      navigate(runsAddress(place.filters), { replace: true })
  }
  return (
    <div className="actions">
      {/* One button, which keeps the focus when the run ends. */}
      {run.isTerminal
        ? button('again', SAID.again, () => perform(retrigger))
        : button('cancel', SAID.cancel, () => perform(() => actions.cancel(run.id)))}
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
