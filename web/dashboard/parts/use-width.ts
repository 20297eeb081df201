import { useEffect, useState, type RefObject } from 'react'

/** The width to draw at, in pixels; 0 until it is known. `step`: what is slow to draw is drawn anew more seldom. */
export function useWidth(frame: RefObject<HTMLElement | null>, step = 1): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (frame.current === null) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.floor(entry.contentRect.width / step) * step)
    })
    observer.observe(frame.current)
    return () => observer.disconnect()
  }, [frame, step])
  return width
}
