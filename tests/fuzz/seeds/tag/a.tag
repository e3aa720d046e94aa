MNI Tag Point File
Volumes = 2;
% comment

Points =
 -1.5 2 3 4 5 6 1 1 1 "1"
 7 8 9 10 11 12 "2";