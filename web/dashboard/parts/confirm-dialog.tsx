import { useId, type ReactNode, type RefObject } from 'react'
import { WORDS } from '../words'

interface ConfirmDialogProps {
  dialog: RefObject<HTMLDialogElement | null>
  title: string
  text: string
  /** The harmless answer. */
  refuse?: string
  confirm: string
  onConfirm: () => void
  /** Between the text and the answers. */
  children?: ReactNode
}

/** Opened by `dialog.current.showModal()`. The focus begins at the harmless answer. */
export function ConfirmDialog({
  dialog,
  title,
  text,
  refuse = WORDS.dialog.keep,
  confirm,
  onConfirm,
  children,
}: ConfirmDialogProps): ReactNode {
  const id = useId()
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`}>
      <h2 id={`${id}-title`}>{title}</h2>
      <p id={`${id}-text`}>{text}</p>
      {children}
      <div className="dialog-buttons">
        <button type="button" className="button" ref={beginHere} onClick={() => dialog.current?.close()}>
          {refuse}
        </button>
        <button
          type="button"
          className="button button-bad"
          onClick={() => {
            dialog.current?.close()
            onConfirm()
          }}
        >
          {confirm}
        </button>
      </div>
    </dialog>
  )
}

/** Read by the dialog when it is shown. React's `autoFocus` would only act now, and not set the attribute. */
function beginHere(button: HTMLButtonElement | null): void {
  button?.setAttribute('autofocus', '')
}
