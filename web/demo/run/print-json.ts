import type { Json } from '../../src'
import { formatNumber, plural } from '../../dashboard/format'

const LONGEST_STRING = 160
const LONGEST_ARRAY = 50

/** The JSON for reading: long strings and arrays are cut, arrays of plain values stay on one line. */
export function printJson(value: Json, indent = ''): string {
  if (typeof value === 'string') return printString(value)
  if (value === null || typeof value !== 'object') return String(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const items = value.slice(0, LONGEST_ARRAY).map((item) => printJson(item, inner))
    if (value.length > LONGEST_ARRAY) items.push(`… ${formatNumber(value.length - LONGEST_ARRAY)} more`)
    if (value.every(isPlain)) return `[${items.join(', ')}]`
    return block('[', items, ']', indent)
  }
  const entries = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${printJson(item, inner)}`,
  )
  return block('{', entries, '}', indent)
}

/** What the value is about, in a few words. */
export function summarizeJson(value: Json): string {
  if (Array.isArray(value)) return plural(value.length, 'item')
  if (typeof value !== 'object' || value === null) return printJson(value).slice(0, 60)
  return Object.entries(value)
    .map(([key, item]) => `${key}: ${summarizeItem(item)}`)
    .join(', ')
}

function summarizeItem(item: Json): string {
  if (Array.isArray(item)) return plural(item.length, 'item')
  if (typeof item === 'object' && item !== null) return typeof item.name === 'string' ? item.name : '{…}'
  const text = String(item)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

function printString(text: string): string {
  if (text.length <= LONGEST_STRING) return JSON.stringify(text)
  return `${JSON.stringify(text.slice(0, LONGEST_STRING))}… ${formatNumber(text.length)} characters`
}

function isPlain(value: Json): boolean {
  return value === null || typeof value !== 'object'
}

function block(open: string, lines: string[], close: string, indent: string): string {
  if (lines.length === 0) return open + close
  return `${open}\n${lines.map((line) => `${indent}  ${line}`).join(',\n')}\n${indent}${close}`
}
