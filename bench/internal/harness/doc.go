// Package harness holds what all subjects of the benchmark share.
//
// A [Subject] is one thing to measure. It declares its flags, and fills the tables of a
// [Result]: a [Row] for each measurement, and in it a [Value] for each side and for each
// comparison. The harness does the rest:
//
//   - [Main] parses the flags, prints the help, and writes the result as text, as JSON, or into the
//     results folder;
//   - [Run.Each] goes through the rounds; [Alternate] lets the two sides of a pair take turns, so
//     that neither is always the first; [Quietly] repeats a slice during which other programs had a
//     part of the cores;
//   - [ChoosePin], [Output] and [StartChild] run processes on a CPU of their own;
//   - [Compile], [BuildBenchmarks] and [FindOpenSSL] find the programs to measure.
//
// A comparison is always of two measurements a moment apart: it is formed pair by pair, and the
// median is taken afterwards. Whatever a machine does to both sides, such as a change of the
// clock rate, cancels out. The spread shows the rest.
package harness
