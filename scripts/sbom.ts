/** Prints the software bill of materials of what is installed for production, as CycloneDX. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

interface Component {
  readonly 'bom-ref': string
  readonly properties?: readonly { readonly name: string; readonly value: string }[]
}

interface Bill {
  readonly metadata: { readonly component: object }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

// @NOTE with --omit=dev npm leaves out what a tool for development needs too, although lacre itself does
const text = execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'], {
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
})
const bill = JSON.parse(text) as Bill
const { name } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string }

const components = bill.components.filter(({ properties = [] }) => !properties.some((property) => property.name === 'cdx:npm:package:development'))
const kept = new Set(components.map((component) => component['bom-ref']))
const dependencies = bill.dependencies
  .filter(({ ref }, index) => index === 0 || kept.has(ref)) // the first is lacre
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }))
const metadata = { ...bill.metadata, component: { ...bill.metadata.component, name } } // npm takes the folder's name
console.log(JSON.stringify({ ...bill, metadata, components, dependencies }, undefined, 2))
