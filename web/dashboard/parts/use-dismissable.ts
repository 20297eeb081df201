import { useEffect, useRef, type RefObject } from 'react'

/** Closes the details on Escape and on a click elsewhere, as a popover does. Dialogs lie above it. */
export function useDismissable(): RefObject<HTMLDetailsElement | null> {
  const ref = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const dismiss = (event: Event): void => {
      const details = ref.current
      if (details?.open !== true || document.querySelector('dialog:modal') !== null) return
      const isEscape = event instanceof KeyboardEvent && event.key === 'Escape'
      const isOutside = event.type === 'pointerdown' && !event.composedPath().includes(details)
      if (!isEscape && !isOutside) return
      // What had the focus is about to vanish.
      if (isEscape && details.contains(document.activeElement)) details.querySelector('summary')?.focus()
      details.open = false
    }
    document.addEventListener('pointerdown', dismiss)
    document.addEventListener('keydown', dismiss)
    return () => {
      document.removeEventListener('pointerdown', dismiss)
      document.removeEventListener('keydown', dismiss)
    }
  }, [])
  return ref
}
