import { useId, type ReactNode, type RefObject } from 'react'

interface ConfirmDialogProps {
  ref: RefObject<HTMLDialogElement | null>
  title: string
  text: string
  confirm: string
  onConfirm: () => void
}

/** Opened by `ref.current.showModal()`. The focus begins at the first button: the harmless answer. */
export function ConfirmDialog({ ref, title, text, confirm, onConfirm }: ConfirmDialogProps): ReactNode {
  const id = useId()
  return (
    <dialog ref={ref} className="dialog" aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`}>
      <form method="dialog">
        <h2 id={`${id}-title`}>{title}</h2>
        <p id={`${id}-text`}>{text}</p>
        <div className="dialog-buttons">
          <button className="button">Keep it</button>
          <button className="button button-bad" onClick={onConfirm}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  )
}
