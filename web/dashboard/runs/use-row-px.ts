import { useLayoutEffect, useState, type RefObject } from 'react'

/** Until the styles are read: as on a screen. */
const SCREEN_PX = 72

/** How high each row is. The styles decide it by the room there is, and where each row lies is reckoned with it. */
export function useRowPx(frame: RefObject<HTMLElement | null>): number {
  const [rowPx, setRowPx] = useState(SCREEN_PX)
  useLayoutEffect(() => {
    const list = frame.current
    if (list === null) return
    const read = (): void => {
      const px = Number.parseFloat(getComputedStyle(list).getPropertyValue('--row-px'))
      if (px > 0) setRowPx(px)
    }
    read()
    const observer = new ResizeObserver(read)
    observer.observe(list)
    return () => observer.disconnect()
  }, [frame])
  return rowPx
}
