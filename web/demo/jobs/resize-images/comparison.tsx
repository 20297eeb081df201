import { useEffect, useId, useRef, useState, type CSSProperties, type ReactNode } from 'react'
import { fromBase64 } from './base64'
import type { Size } from './sizes'

interface ComparisonProps {
  name: string
  /** Of the original. */
  size: Size
  /** Its pixels in base64. */
  before: string
  /** The address of the smaller picture. */
  after: string
}

/** Both in one box: the original up to the slider, the new picture behind it, enlarged to the same size. */
export function Comparison({ name, size, before, after }: ComparisonProps): ReactNode {
  const [share, setShare] = useState(50)
  const id = useId()
  return (
    <div className="resize-comparison">
      <div
        className="resize-box"
        style={{ '--share': `${share}%`, aspectRatio: `${size.width} / ${size.height}` } as CSSProperties}
      >
        <img className="resize-after" src={after} alt={`${name}, resized and enlarged again`} />
        <Original name={name} size={size} pixels={before} />
        <span className="resize-edge" aria-hidden="true" />
      </div>
      <label className="resize-slider" htmlFor={id}>
        <span aria-hidden="true">Before</span>
        <input
          id={id}
          type="range"
          min="0"
          max="100"
          value={share}
          aria-label={`How much of ${name} is shown as it was before`}
          aria-valuetext={`${share} % before, ${100 - share} % after`}
          onChange={({ target }) => setShare(Number(target.value))}
        />
        <span aria-hidden="true">After</span>
      </label>
    </div>
  )
}

function Original({ name, size, pixels }: { name: string; size: Size; pixels: string }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width, height } = size
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (context === null || context === undefined) return
    const bytes = fromBase64(pixels)
    if (bytes.length !== width * height * 4) return
    context.putImageData(new ImageData(bytes, width, height), 0, 0)
  }, [pixels, width, height])
  return (
    <canvas
      ref={canvas}
      className="resize-before"
      width={width}
      height={height}
      role="img"
      aria-label={`${name}, before`}
    />
  )
}
