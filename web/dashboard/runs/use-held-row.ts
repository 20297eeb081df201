import type { ClientRun } from 'durably'
import { useState, type FocusEvent, type RefObject } from 'react'

export interface HeldRow {
  /** Where the row is that has the focus, or a dialog that asks. -1: none has. */
  held: number
  onFocus: (event: FocusEvent<HTMLElement>) => void
  onBlur: () => void
}

/** A row that someone works in stays in the page, though new runs push it out of sight. */
export function useHeldRow(frame: RefObject<HTMLElement | null>, runs: readonly ClientRun[]): HeldRow {
  const [heldId, hold] = useState<string | null>(null)
  return {
    held: heldId === null ? -1 : runs.findIndex(({ id }) => id === heldId),
    onFocus: ({ target }) => {
      const row = target.closest<HTMLElement>('[data-index]')
      hold(runs[Number(row?.dataset.index)]?.id ?? null)
    },
    onBlur: () => {
      // The window may have lost the focus, and not the row; a press into a dialog beside its buttons takes it, too.
      if (frame.current?.matches(':focus-within, :has(dialog[open])') !== true) hold(null)
    },
  }
}
