import { useLayoutEffect, useRef, type ReactNode } from 'react'
import { plural } from '../../../dashboard/format'
import { useWidth } from '../../../dashboard/parts/use-width'
import type { Point } from './output'
import { plotAirports } from './plot-airports'

/** Thousands of dots are not drawn anew on each change. */
const WIDTH_STEP = 40

export interface AirportDotsProps {
  points: readonly Point[]
  isUnitedStates: boolean
}

export function AirportDots({ points, isUnitedStates }: AirportDotsProps): ReactNode {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame, WIDTH_STEP)
  useLayoutEffect(() => {
    if (width > 0) frame.current?.replaceChildren(plotAirports(points, { width, isUnitedStates }))
  }, [points, width, isUnitedStates])
  return (
    <div
      className="map-frame"
      ref={frame}
      role="img"
      aria-label={`Map of ${plural(points.length, 'airport')} by longitude and latitude`}
    />
  )
}
