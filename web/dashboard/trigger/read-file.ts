import { WORDS } from '../words'

/** A file as a job receives it. */
export interface FileValue {
  name: string
  /** Base64. */
  content: string
}

export function readFile(file: File): Promise<FileValue> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => {
      const url = typeof reader.result === 'string' ? reader.result : ''
      const comma = url.indexOf(',')
      // The data URL of an empty file may end before the comma.
      resolve({ name: file.name, content: comma === -1 ? '' : url.slice(comma + 1) })
    }
    reader.onerror = () => reject(new Error(WORDS.fields.unreadable(file.name)))
    reader.readAsDataURL(file)
  })
}

/** How many bytes a base64 text stands for. */
export function decodedSize(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  return (base64.length / 4) * 3 - padding
}
