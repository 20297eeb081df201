import { useLayoutEffect, useRef, type ReactNode } from 'react'
import { useWidth } from '../parts/use-width'
import { WORDS } from '../words'
import * as plots from './plots'

export type Draw = (library: typeof plots, width: number) => Element

export interface DrawnChartProps {
  /** What it shows, for whoever does not see it. */
  label: string
  /** The same function as long as the figures are the same. */
  draw: Draw
}

/** Drawn again when its figures or its width change. */
export function DrawnChart({ label, draw }: DrawnChartProps): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  useLayoutEffect(() => {
    if (width > 0) frame.current?.replaceChildren(drawn(draw, width))
  }, [draw, width])
  return <div className="chart" ref={frame} role="img" aria-label={label} />
}

/** The next figures may be such that can be. */
function drawn(draw: Draw, width: number): Element | string {
  try {
    return draw(plots, width)
  } catch {
    return WORDS.failure.notShown(WORDS.failure.what.chart)
  }
}
