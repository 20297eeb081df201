import type { ErrorSchema, FieldProps } from '@rjsf/utils'
import { useCallback, useRef, useState, type ReactNode } from 'react'
import { formatBytes, sentenceCase } from '../../format'
import { Icon } from '../../parts/icons'
import { WORDS } from '../../words'
import { decodedSize, readFile, type FileValue } from '../read-file'
import { useFormDrop } from './use-form-drop'

const SAID = WORDS.fields

/** A value `{name, content}` as a drop zone with a file picker in it. */
export function FileField({
  schema,
  formData,
  onChange,
  fieldPathId,
  name,
  required,
  disabled,
  errorSchema,
  rawErrors,
}: FieldProps): ReactNode {
  const zone = useRef<HTMLDivElement>(null)
  const [refusal, setRefusal] = useState<string | null>(null)
  const maxBytes = typeof schema.maxBytes === 'number' ? schema.maxBytes : Infinity
  const accepts = typeof schema.contentMediaType === 'string' ? schema.contentMediaType : undefined
  const path = fieldPathId.path
  const choose = useCallback(
    (file: File): void => {
      // Before reading: a file that is too large may be too large for the memory, too.
      const tooLarge = refuseSize(file, maxBytes)
      setRefusal(tooLarge)
      if (tooLarge !== null) {
        // Nor is the file that was chosen before: nobody means that one any more.
        onChange(undefined, path, undefined, fieldPathId.$id)
        return
      }
      readFile(file).then(
        (value) => onChange(value, path, undefined, fieldPathId.$id),
        (error: unknown) => setRefusal(error instanceof Error ? error.message : String(error)),
      )
    },
    [maxBytes, onChange, path, fieldPathId.$id],
  )
  useFormDrop(zone, choose)
  const id = fieldPathId.$id
  // The field itself shows its own faults; those of `name` and `content` have no place but here.
  const value = isFileValue(formData) ? formData : null
  const isRefused = refusal !== null && value === null
  const errors = isRefused ? [refusal] : nestedErrors(errorSchema)
  const isInvalid = errors.length > 0 || (rawErrors ?? []).length > 0
  return (
    <div className="file-field">
      <label className="label" htmlFor={id}>
        {sentenceCase(name)}
        {required !== true && <span className="optional">{SAID.optional}</span>}
      </label>
      <div
        className="drop-zone"
        data-drop-zone=""
        data-invalid={isInvalid}
        data-filled={value !== null}
        ref={zone}
      >
        <input
          id={id}
          className="drop-input"
          type="file"
          disabled={disabled}
          accept={acceptList(accepts)}
          aria-invalid={isInvalid}
          aria-describedby={`${id}__chosen ${id}__error`}
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0]
            // Emptied so that choosing the same file again counts as a change.
            currentTarget.value = ''
            if (file !== undefined) choose(file)
          }}
        />
        <Icon name={value === null ? 'file' : 'check'} />
        <span id={`${id}__chosen`} className="drop-words">
          {value === null ? (
            <>
              <b>{SAID.chooseFile}</b>
              {SAID.orDrop}
              {maxBytes !== Infinity && <small>{SAID.upTo(formatLimit(maxBytes))}</small>}
            </>
          ) : (
            <>
              <b>{value.name}</b>
              <small>{SAID.replaceFile(formatBytes(decodedSize(value.content)))}</small>
            </>
          )}
        </span>
      </div>
      {schema.description !== undefined && <p className="hint">{schema.description}</p>}
      <div id={`${id}__error`} role="alert" className="errors">
        {errors.map((error) => (
          <p key={error}>{error}</p>
        ))}
      </div>
    </div>
  )
}

/** Limits are round in either kind of megabyte: the kind that makes it whole is the one that was meant. */
function unitOf(maxBytes: number): number {
  return maxBytes % 1024 === 0 ? 1024 : 1000
}

function formatLimit(maxBytes: number): string {
  return formatBytes(maxBytes, { unit: unitOf(maxBytes) }).replace('.0 ', ' ')
}

function refuseSize(file: File, maxBytes: number): string | null {
  if (file.size <= maxBytes) return null
  const size = formatBytes(file.size, { unit: unitOf(maxBytes) })
  return SAID.tooLarge(file.name, size, formatLimit(maxBytes))
}

/** The systems' file pickers know a media type by its usual ending better than by its name. */
function acceptList(mediaType: string | undefined): string | undefined {
  return mediaType === 'text/csv' ? '.csv,text/csv' : mediaType
}

function isFileValue(data: unknown): data is FileValue {
  return (
    typeof data === 'object' &&
    data !== null &&
    'name' in data &&
    typeof data.name === 'string' &&
    'content' in data &&
    typeof data.content === 'string'
  )
}

function nestedErrors(errors: ErrorSchema<Record<string, unknown>> | undefined): string[] {
  return ['name', 'content'].flatMap((key) => errors?.[key]?.__errors ?? [])
}
