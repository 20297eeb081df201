import { formatNumber } from '../../../dashboard/format'

export interface Size {
  width: number
  height: number
}

/** What the job takes at once: the pictures are kept with the run. */
export const MAX_IMAGES = 6
const MAX_SIDE = 2048
const MAX_PIXELS = 4_000_000

/** As large as one of `count` pictures may be that are sent together. Nothing is made larger. */
export function sizeToSend({ width, height }: Size, count: number): Size {
  const scale = Math.min(
    1,
    MAX_SIDE / Math.max(width, height),
    Math.sqrt(MAX_PIXELS / count / (width * height)),
  )
  // A side of one pixel can't become shorter, so the other one has to.
  const short = Math.max(1, Math.floor(Math.min(width, height) * scale))
  const long = Math.max(
    1,
    Math.min(Math.floor(Math.max(width, height) * scale), Math.floor(MAX_PIXELS / count / short)),
  )
  return width < height ? { width: short, height: long } : { width: long, height: short }
}

export function sizeInWords({ width, height }: Size): string {
  return `${formatNumber(width)} × ${formatNumber(height)} pixels`
}

/** `nameOfFile('beach.jpg', 320)` is "beach-320.png". */
export function nameOfFile(name: string, longestSide: number): string {
  const stem = name.replace(/\.[A-Za-z0-9]{1,5}$/, '')
  return `${stem === '' ? 'picture' : stem}-${longestSide}.png`
}
