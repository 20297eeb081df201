import { useEffect, useRef, type ReactNode } from 'react'
import type { Source } from './pictures'

const SIDE_PX = 96

/** One after the other: a photo takes much memory while it is decoded. */
let drawn: Promise<void> = Promise.resolve()

/** What was chosen, small. One that can't be read is told of when the job is to start. */
export function Thumbnail({ source }: { source: Source }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    let isOver = false
    const draw = async (): Promise<void> => {
      if (isOver) return
      const bitmap = await source.decode()
      const scale = Math.min(SIDE_PX / bitmap.width, SIDE_PX / bitmap.height)
      const [width, height] = [bitmap.width * scale, bitmap.height * scale]
      const context = canvas.current?.getContext('2d')
      context?.clearRect(0, 0, SIDE_PX, SIDE_PX)
      context?.drawImage(bitmap, (SIDE_PX - width) / 2, (SIDE_PX - height) / 2, width, height)
      bitmap.close()
    }
    drawn = drawn.then(draw).catch(() => undefined)
    return () => {
      isOver = true
    }
  }, [source])
  return (
    <canvas ref={canvas} className="resize-thumbnail" width={SIDE_PX} height={SIDE_PX} aria-hidden="true" />
  )
}
