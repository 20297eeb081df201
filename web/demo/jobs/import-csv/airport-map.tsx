import type { ReactNode } from 'react'
import { plural } from '../../../dashboard/format'
import { lazily } from '../../../dashboard/parts/lazily'
import type { AirportDotsProps } from './airport-dots'
import type { Point } from './output'
import { findRegions } from './regions'

const AirportDots = lazily<AirportDotsProps>(
  'chart',
  async () => (await import('./airport-dots')).AirportDots,
  <div className="map-frame" />,
)

export function AirportMap({ points }: { points: readonly Point[] }): ReactNode {
  const { isUnitedStates, outside } = findRegions(points)
  return (
    <figure className="map">
      <AirportDots points={points} isUnitedStates={isUnitedStates} />
      {isUnitedStates && outside > 0 && (
        <figcaption>{plural(outside, 'airport')} outside the 50 states not shown.</figcaption>
      )}
    </figure>
  )
}
