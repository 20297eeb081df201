import { useEffect, useRef, type ReactNode } from 'react'
import type { Source } from './pictures'

const SIDE_PX = 96

/** Thumbnails are drawn one after the other: a photo takes much memory while it is decoded. */
let drawn: Promise<void> = Promise.resolve()

/** What was chosen, small. One that can't be read is told of when the job is to start. */
export function Thumbnail({ source }: { source: Source }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const over = new AbortController()
    const isOver = (): boolean => over.signal.aborted
    const context = canvas.current?.getContext('2d')
    // Its place in the list may have been another's.
    context?.clearRect(0, 0, SIDE_PX, SIDE_PX)
    const draw = async (): Promise<void> => {
      if (isOver()) return
      const bitmap = await source.decode()
      if (!isOver()) paint(bitmap)
      bitmap.close()
    }
    const paint = (bitmap: ImageBitmap): void => {
      const scale = Math.min(SIDE_PX / bitmap.width, SIDE_PX / bitmap.height)
      const [width, height] = [bitmap.width * scale, bitmap.height * scale]
      context?.drawImage(bitmap, (SIDE_PX - width) / 2, (SIDE_PX - height) / 2, width, height)
    }
    drawn = drawn.then(draw).catch(() => undefined)
    return () => over.abort()
  }, [source])
  return (
    <canvas ref={canvas} className="resize-thumbnail" width={SIDE_PX} height={SIDE_PX} aria-hidden="true" />
  )
}
