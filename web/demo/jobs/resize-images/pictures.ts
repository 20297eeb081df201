import type { Json } from 'durably'
import { toBase64 } from './base64'
import { sizeToSend } from './sizes'

/** A picture as the job `resize-images` takes it. */
export type Picture = {
  name: string
  width: number
  height: number
  /** Red, green, blue and alpha of each pixel, in base64. */
  pixels: string
} & Record<string, Json>

export interface Source {
  name: string
  /** Decoded anew each time: whoever asks closes it. */
  decode: () => Promise<ImageBitmap>
}

export function sourceOf(file: File): Source {
  return {
    name: file.name,
    decode: async () => {
      try {
        // Turned as the camera says it was held.
        return await createImageBitmap(file, { imageOrientation: 'from-image' })
      } catch (error) {
        throw new Error(`${file.name} can't be read as a picture by this browser.`, { cause: error })
      }
    },
  }
}

/** One by one: a photo takes much memory while it is decoded. */
export async function readPictures(sources: readonly Source[]): Promise<Picture[]> {
  const pictures: Picture[] = []
  for (const source of sources) pictures.push(await readPicture(source, sources.length))
  return pictures
}

async function readPicture({ name, decode }: Source, count: number): Promise<Picture> {
  const bitmap = await decode()
  try {
    const { width, height } = sizeToSend(bitmap, count)
    const context = makeCanvas(width, height)
    context.drawImage(bitmap, 0, 0, width, height)
    return { name, width, height, pixels: toBase64(context.getImageData(0, 0, width, height).data) }
  } finally {
    bitmap.close()
  }
}

export function makeCanvas(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (context === null) throw new Error('This browser can’t draw pictures: it gives the page no canvas.')
  context.imageSmoothingQuality = 'high'
  return context
}
