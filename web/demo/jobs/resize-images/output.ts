import type { Json } from 'durably'
import type { Size } from './sizes'

export interface ResizedPicture {
  name: string
  old: Size
  new: Size
  /** Of the PNG file. */
  bytes: number
  /** That file in base64. */
  png: string
}

/** What the job `resize-images` returned, or null for the output of another job with that name. */
export function toResized(output: Json | undefined): ResizedPicture[] | null {
  const images = fieldsOf(output)?.images
  if (!Array.isArray(images)) return null
  const pictures = images.map(toPicture)
  return pictures.every((picture) => picture !== null) ? pictures : null
}

function toPicture(image: Json): ResizedPicture | null {
  const fields = fieldsOf(image)
  if (fields === null) return null
  const { name, old_width, old_height, width, height, png_bytes, png } = fields
  if (typeof name !== 'string' || typeof png !== 'string' || typeof png_bytes !== 'number') return null
  const before = toSize(old_width, old_height)
  const after = toSize(width, height)
  return before === null || after === null ? null : { name, old: before, new: after, bytes: png_bytes, png }
}

/** The pixels that went into the run, picture by picture, in base64. */
export function toOriginals(input: Json | undefined): (string | null)[] {
  const images = fieldsOf(input)?.images
  if (!Array.isArray(images)) return []
  return images.map((image) => {
    const pixels = fieldsOf(image)?.pixels
    return typeof pixels === 'string' ? pixels : null
  })
}

function toSize(width: Json | undefined, height: Json | undefined): Size | null {
  return typeof width === 'number' && typeof height === 'number' ? { width, height } : null
}

function fieldsOf(value: Json | undefined): Partial<Record<string, Json>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
}
