import { useState, type ReactNode } from 'react'
import type { StartProps } from '../../../dashboard'
import { Icon } from '../../../dashboard/parts/icons'
import { DRAWN_PICTURES } from './drawn-pictures'
import { readPictures, sourceOf, type Source } from './pictures'
import { MAX_IMAGES } from './sizes'
import { Thumbnail } from './thumbnail'
import './resize-images.css'

const SIDES = [160, 320, 480, 640] as const
/** Leaves time to pull the plug. */
const PAUSE_MS = 100

interface Outcome {
  isRefusal: boolean
  sentence: string
}

export function Start({ start }: StartProps): ReactNode {
  const [sources, setSources] = useState<readonly Source[]>([])
  const [side, setSide] = useState(320)
  const [isBusy, setIsBusy] = useState(false)
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const choose = (chosen: readonly Source[]): void => {
    const left = chosen.length - MAX_IMAGES
    setSources(chosen.slice(0, MAX_IMAGES))
    setOutcome(
      left > 0 ? refusal(`Up to ${MAX_IMAGES} pictures at once: the last ${left} were left out.`) : null,
    )
  }
  const resize = async (): Promise<void> => {
    if (isBusy) return
    if (sources.length === 0) {
      setOutcome(refusal('Choose a picture first, or use the drawn ones.'))
      return
    }
    setIsBusy(true)
    setOutcome(null)
    try {
      await start({ images: await readPictures(sources), longest_side: side, pause_ms: PAUSE_MS })
      setOutcome({ isRefusal: false, sentence: 'The run was started.' })
    } catch (error) {
      setOutcome(refusal(error instanceof Error ? error.message : String(error)))
    } finally {
      setIsBusy(false)
    }
  }
  return (
    <form
      className="resize-start"
      onSubmit={(event) => {
        event.preventDefault()
        void resize()
      }}
    >
      <p className="hint">
        Your pictures stay in this browser: Python makes them smaller here, a strip of rows at a time. Close
        the tab in between, and it goes on with the next strip.
      </p>
      <button
        type="button"
        className="button button-sample"
        aria-disabled={isBusy}
        onClick={() => choose(DRAWN_PICTURES)}
      >
        Use three drawn pictures
      </button>
      <PictureField onChoose={(files) => choose(files.map(sourceOf))} />
      {sources.length > 0 && <ChosenPictures sources={sources} onChange={choose} />}
      <SideField side={side} onChange={setSide} />
      <button type="submit" className="button button-primary" aria-disabled={isBusy}>
        {isBusy ? 'Reading the pictures…' : 'Start resize-images'}
      </button>
      <p className="outcome" data-kind={outcome?.isRefusal === true ? 'rejected' : 'started'} role="status">
        {outcome?.sentence}
      </p>
    </form>
  )
}

function SideField({ side, onChange }: { side: number; onChange: (side: number) => void }): ReactNode {
  return (
    <label className="resize-side">
      <span className="label">Longest side</span>
      <select className="input" value={side} onChange={({ target }) => onChange(Number(target.value))}>
        {SIDES.map((pixels) => (
          <option key={pixels} value={pixels}>
            {pixels} pixels
          </option>
        ))}
      </select>
    </label>
  )
}

function refusal(sentence: string): Outcome {
  return { isRefusal: true, sentence }
}

function PictureField({ onChoose }: { onChoose: (files: File[]) => void }): ReactNode {
  const [isDragging, setIsDragging] = useState(false)
  return (
    <label
      className="drop-zone"
      data-dragging={isDragging}
      onDragOver={(event) => {
        event.preventDefault()
        setIsDragging(true)
      }}
      onDragLeave={() => setIsDragging(false)}
      onDrop={(event) => {
        event.preventDefault()
        setIsDragging(false)
        const files = [...event.dataTransfer.files]
        if (files.length > 0) onChoose(files)
      }}
    >
      <Icon name="file" />
      <span className="drop-words">
        <b>Choose pictures</b> or drop them here
      </span>
      <input
        className="drop-input"
        type="file"
        accept="image/*"
        multiple
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])]
          // Emptied so that choosing the same files again counts as a change.
          currentTarget.value = ''
          if (files.length > 0) onChoose(files)
        }}
      />
    </label>
  )
}

interface ChosenProps {
  sources: readonly Source[]
  onChange: (sources: readonly Source[]) => void
}

function ChosenPictures({ sources, onChange }: ChosenProps): ReactNode {
  return (
    <ul className="resize-chosen" aria-label="Chosen pictures">
      {sources.map((source, index) => (
        // Two files may have the same name.
        <li key={index}>
          <Thumbnail source={source} />
          <span>{source.name}</span>
          <button
            type="button"
            className="button button-quiet"
            aria-label={`Leave out ${source.name}`}
            onClick={() => onChange(sources.filter((each) => each !== source))}
          >
            Leave out
          </button>
        </li>
      ))}
    </ul>
  )
}
