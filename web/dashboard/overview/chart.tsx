import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useWidth } from '../parts/use-width'
import { WORDS } from '../words'
import type * as Plots from './plots'

export type Draw = (plots: typeof Plots, width: number) => Element

interface ChartProps {
  /** What it shows, for whoever does not see it. */
  label: string
  /** The same function as long as the figures are the same. */
  draw: Draw
}

/** Drawn when the library for it is there, and again when its figures or its width change. */
export function Chart({ label, draw }: ChartProps): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const [hasFailed, setHasFailed] = useState(false)
  useEffect(() => {
    if (width === 0) return
    let isCurrent = true
    import('./plots')
      .then((plots) => {
        if (!isCurrent) return
        frame.current?.replaceChildren(draw(plots, width))
        setHasFailed(false)
      })
      // Also of a picture that can't be drawn.
      .catch(() => isCurrent && setHasFailed(true))
    return () => {
      isCurrent = false
    }
  }, [draw, width])
  return (
    <>
      <div className="chart" ref={frame} role="img" aria-label={label} />
      {hasFailed && <p className="hint">{WORDS.overview.noChart}</p>}
    </>
  )
}
