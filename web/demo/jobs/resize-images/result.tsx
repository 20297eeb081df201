import { useMemo, type ReactNode } from 'react'
import type { ClientRun } from 'durably'
import { formatBytes, plural } from '../../../dashboard/format'
import { Comparison } from './comparison'
import { toOriginals, toResized, type ResizedPicture } from './output'
import { nameOfFile, sizeInWords } from './sizes'
import './resize-images.css'

export function Result({ run }: { run: ClientRun }): ReactNode {
  const pictures = useMemo(() => toResized(run.output), [run.output])
  const originals = useMemo(() => toOriginals(run.input), [run.input])
  if (pictures === null) return null
  const bytes = pictures.reduce((sum, picture) => sum + picture.bytes, 0)
  return (
    <section className="part result" aria-labelledby="result-title">
      <h3 className="result-headline" id="result-title">
        <span className="number">{plural(pictures.length, 'picture')}</span> resized,{' '}
        <span className="number">{formatBytes(bytes)}</span> together
      </h3>
      <ul className="resize-pictures">
        {pictures.map((picture, index) => (
          <li key={index}>
            <Resized picture={picture} original={originals[index] ?? null} />
          </li>
        ))}
      </ul>
    </section>
  )
}

interface ResizedProps {
  picture: ResizedPicture
  /** Its pixels in base64. */
  original: string | null
}

function Resized({ picture, original }: ResizedProps): ReactNode {
  const file = `data:image/png;base64,${picture.png}`
  const { width, height } = picture.new
  const { name } = picture
  return (
    <figure className="resize-picture">
      {original === null ? (
        <img className="resize-alone" src={file} width={width} height={height} alt={`${name}, resized`} />
      ) : (
        <Comparison name={name} size={picture.old} before={original} after={file} />
      )}
      <figcaption>
        <h4>{name}</h4>
        <dl className="resize-sizes">
          <dt>Before</dt>
          <dd>
            {sizeInWords(picture.old)}, {formatBytes(picture.old.width * picture.old.height * 4)} in memory
          </dd>
          <dt>After</dt>
          <dd>
            {sizeInWords(picture.new)}, {formatBytes(picture.bytes)} as a PNG file
          </dd>
        </dl>
        <a className="button" href={file} download={nameOfFile(name, Math.max(width, height))}>
          Download the PNG<span className="visually-hidden"> of {name}</span>
        </a>
      </figcaption>
    </figure>
  )
}
