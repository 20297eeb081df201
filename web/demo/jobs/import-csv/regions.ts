import type { Point } from './output'

type Box = [west: number, south: number, east: number, north: number]

/** What the map of the United States shows: the lower 48, Alaska and Hawaii. */
const SHOWN: Box[] = [
  [-125, 24, -66.5, 49.6],
  [-180, 51, -129, 72],
  [-161, 18, -154, 23],
]

/** A file about the United States may name a few places elsewhere, its territories above all. */
const MOSTLY = 0.95

export interface Regions {
  isUnitedStates: boolean
  /** How many points that map leaves out. */
  outside: number
}

export function findRegions(points: readonly Point[]): Regions {
  const inside = points.filter((point) => SHOWN.some((box) => contains(box, point))).length
  const outside = points.length - inside
  return { isUnitedStates: inside >= MOSTLY * points.length, outside }
}

function contains([west, south, east, north]: Box, [longitude, latitude]: Point): boolean {
  return longitude >= west && longitude <= east && latitude >= south && latitude <= north
}
