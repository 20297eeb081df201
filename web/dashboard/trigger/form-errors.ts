import type { ErrorSchema } from '@rjsf/utils'
import type { Issue } from 'durably'
import { formatNumber, sentenceCase } from '../format'
import { WORDS } from '../words'

const SAID = WORDS.trigger

interface ErrorNode {
  __errors?: string[]
  [key: string]: ErrorNode | string[] | undefined
}

/** The faults as the form library wants them: a tree in the shape of the input. */
export function toErrorSchema(issues: readonly Issue[]): ErrorSchema {
  const root: ErrorNode = {}
  for (const { path, message } of issues) {
    let node = root
    for (const key of path) node = childOf(node, String(key))
    ;(node.__errors ??= []).push(message)
  }
  return root as ErrorSchema
}

function childOf(node: ErrorNode, key: string): ErrorNode {
  const known = node[key]
  if (known !== undefined && !Array.isArray(known)) return known
  return (node[key] = {})
}

/** One sentence that says what is wrong, for a reader who does not see the fields. */
export function summarize(issues: readonly Issue[], fallback: string): string {
  const [first] = issues
  if (first === undefined) return fallback
  if (issues.length > 1) return SAID.faults(issues.length, formatNumber(issues.length))
  const field = first.path.filter((key) => typeof key === 'string').join(' ')
  const where = field === '' ? '' : `${sentenceCase(field)}: `
  return SAID.notStarted(`${where}${withStop(first.message)}`)
}

function withStop(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`
}

/** Whether the fault lies in the field with this id, so that a change of the field may have mended it. */
export function isAtField({ path }: Issue, fieldId: string): boolean {
  const id = ['root', ...path].join('_')
  return id === fieldId || id.startsWith(`${fieldId}_`)
}
