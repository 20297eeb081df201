import { useId, type ReactNode, type RefObject } from 'react'

interface ConfirmDialogProps {
  ref: RefObject<HTMLDialogElement | null>
  title: string
  text: string
  /** The harmless answer. */
  refuse?: string
  confirm: string
  onConfirm: () => void
  /** Between the text and the answers. */
  children?: ReactNode
}

/** Opened by `ref.current.showModal()`. The focus begins at the harmless answer. */
export function ConfirmDialog({
  ref,
  title,
  text,
  refuse = 'Keep it',
  confirm,
  onConfirm,
  children,
}: ConfirmDialogProps): ReactNode {
  const id = useId()
  return (
    <dialog ref={ref} className="dialog" aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`}>
      <form method="dialog">
        <h2 id={`${id}-title`}>{title}</h2>
        <p id={`${id}-text`}>{text}</p>
        {children}
        <div className="dialog-buttons">
          <button className="button" ref={beginHere}>
            {refuse}
          </button>
          <button className="button button-bad" onClick={onConfirm}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  )
}

/** Read by the dialog when it is shown. React's `autoFocus` would only act now, and not set the attribute. */
function beginHere(button: HTMLButtonElement | null): void {
  button?.setAttribute('autofocus', '')
}
